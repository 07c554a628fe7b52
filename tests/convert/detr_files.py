"""Names and shapes of DETR's weight files, so that tests can make some."""

from __future__ import annotations

from foreign_files import torchvision_shapes


def detr_shapes(backbone="resnet50", classes=91, queries=100, width=256, hidden=2048, masks=False):
    """Returns the names and shapes of facebookresearch/detr's state dict in its order."""
    shapes = {}

    def add(name, *shape):
        shapes[f"{name}.weight"] = shape
        shapes[f"{name}.bias"] = shape[:1]

    for part in ("encoder", "decoder"):
        kinds = ("self_attn", "multihead_attn") if part == "decoder" else ("self_attn",)
        for number in range(6):
            layer = f"transformer.{part}.layers.{number}"
            for kind in kinds:
                shapes[f"{layer}.{kind}.in_proj_weight"] = (3 * width, width)
                shapes[f"{layer}.{kind}.in_proj_bias"] = (3 * width,)
                add(f"{layer}.{kind}.out_proj", width, width)
            add(f"{layer}.linear1", hidden, width)
            add(f"{layer}.linear2", width, hidden)
            for place in range(len(kinds) + 1):
                add(f"{layer}.norm{place + 1}", width)
    add("transformer.decoder.norm", width)
    add("class_embed", classes + 1, width)
    for place, outputs in enumerate((width, width, 4)):
        add(f"bbox_embed.layers.{place}", outputs, width)
    shapes["query_embed.weight"] = (queries, width)
    add("input_proj", width, 2048, 1, 1)
    for name, shape in torchvision_shapes(backbone).items():
        if name.startswith("backbone.body."):
            shapes[name.replace("backbone.body.", "backbone.0.body.")] = shape
    if not masks:
        return shapes
    shapes = {f"detr.{name}": shape for name, shape in shapes.items()}
    add("bbox_attention.q_linear", width, width)
    add("bbox_attention.k_linear", width, width)
    widths = [width + 8, width + 8, *(width // part for part in (2, 4, 8, 16))]
    for number in range(1, 6):
        add(f"mask_head.lay{number}", widths[number], widths[number - 1], 3, 3)
        add(f"mask_head.gn{number}", widths[number])
    add("mask_head.out_lay", 1, widths[-1], 3, 3)
    for number, inputs in enumerate((1024, 512, 256), start=1):
        add(f"mask_head.adapter{number}", widths[number + 1], inputs, 1, 1)
    return shapes
