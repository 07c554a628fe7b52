"""Turn weights of another program into a model of tfseg.

SOURCE is recognised by its content: matterport/Mask_RCNN (mask_rcnn_coco.h5 and files trained from
it), torchvision's maskrcnn_resnet50_fpn (.safetensors, or .pth where PyTorch is installed),
Pose2Seg's public weights (.pkl or .safetensors), facebookresearch/detr's as the start of an HPTR,
or weights for the backbone alone: ImageNet's of Keras Applications (ResNet50, ResNet101,
MobileNetV2), and TFLite files of MobileNetV2.
Origin, backbone and the number of classes are read from the file; each layer is accounted for.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tfseg.cli import quiet
from tfseg.errors import ConfigError, WeightsError

EXAMPLES = """\
  tfseg convert mask_rcnn_coco.h5 --to models/coco
  tfseg convert maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth --to models/torchvision_coco
  tfseg convert my_shapes_0030.h5 --to models/shapes --classes square circle triangle
  tfseg convert mask_rcnn_coco.h5 --to start.weights.h5 --classes suit dress jeans --skip-mismatch
  tfseg convert resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5 --to models/start \\
      --classes suit dress jeans --set image_size=512
  tfseg convert deeplabv3_mnv2_pascal_quant.tflite --to models/start --system portrait"""
_WEIGHTS = (".h5", ".hdf5")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the words of this verb."""
    parser.add_argument("source", help="weight file of another program")
    parser.add_argument(
        "--to",
        required=True,
        metavar="OUT",
        help="folder for a whole model, or a name that ends in .h5 for its weights alone",
    )
    parser.add_argument(
        "--classes",
        nargs="+",
        metavar="NAME",
        help="names of the classes, without the background; default: COCO's for its 80 or 90, else "
        "class_1, class_2, ...",
    )
    parser.add_argument(
        "--origin", choices=["matterport", "torchvision"], help="default: the file's"
    )
    parser.add_argument("--backbone", metavar="NAME", help="default: the file's")
    parser.add_argument(
        "--system",
        metavar="NAME",
        help="for weights of a backbone alone: the system that gets them, by the name "
        "that experiment files have for it",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another setting of the model, such as image_size=512; may be repeated",
    )
    parser.add_argument(
        "--skip-mismatch",
        action="store_true",
        help="leave out the last layers where the number of classes differs",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what OUT holds")


def run(args: argparse.Namespace) -> int:
    """Converts, and says what became of each layer."""
    from tfseg import models
    from tfseg.config import files
    from tfseg.convert import source as sources

    out = Path(args.to)
    if out.exists() and not args.overwrite and not (out.is_dir() and not any(out.iterdir())):
        raise ConfigError(f"{out} exists. Choose another name, or pass --overwrite.")
    if not Path(args.source).is_file():
        raise WeightsError(f"{args.source}: there is no such file. Expected a weight file.")
    quiet.import_backend()
    found = sources.describe(args.source)
    print(f"{args.source}: {found}")
    system = models.system(_system(args, found))
    settings = _settings(args, found, system.config_class)
    loaded = files.LoadedConfig({"model": settings, "train": {}}, {})
    texts = [text if text.startswith("model.") else f"model.{text}" for text in args.set]
    config = files.build(system.config_class, files.override(loaded, texts))
    model = system(config)
    report = model.load_weights(args.source, skip_mismatch=args.skip_mismatch)
    print(report)
    if out.suffix in _WEIGHTS:
        model.save_weights(out)
    else:
        model.save(out)
    for note in found.notes:
        print(f"note: {note}")
    if not model.fitted and found.class_count is not None:
        print("note: layers without weights hold random numbers; train before you predict.")
    print(f"wrote {out}")
    return 0


def _system(args: argparse.Namespace, found) -> str:
    """Returns the name of the system; only weights of a backbone alone leave a choice."""
    if args.system in (None, found.system) or found.class_count is None:
        return args.system or found.system
    raise ConfigError(
        f"--system {args.system}: {args.source} has weights of a whole {found.system} model "
        f"({found}). Leave --system out."
    )


def _settings(args: argparse.Namespace, found, config_class) -> dict:
    """Returns the model's settings: those of the file, then those of the command line."""
    names = tuple(args.classes or found.class_names or config_class.defaults().get("classes") or ())
    if not names:
        raise ConfigError(
            f"{args.source}: weights of {found} know no classes. Name yours with --classes."
        )
    if found.class_count not in (None, len(names) + 1) and not args.skip_mismatch:
        raise WeightsError(
            f"{args.source}: it has {found.class_count - 1} classes, --classes names {len(names)}. "
            "Name as many, or pass --skip-mismatch to leave out the last layers and train them."
        )
    settings = {"origin": found.origin, "backbone": found.backbone, **found.settings}
    known = config_class.setting_names()
    settings = {name: value for name, value in settings.items() if name in known}
    settings.update(classes=list(names), **found.usual)
    given = {"origin": args.origin, "backbone": args.backbone}
    settings.update({name: value for name, value in given.items() if value})
    if any(text.removeprefix("model.").startswith("image_size=") for text in args.set):
        settings.pop("image_min_size", None)
    return settings
