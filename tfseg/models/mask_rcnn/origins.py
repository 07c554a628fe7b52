"""What the two public Mask R-CNNs do differently, as one named preset each.

`MaskRCNNConfig(origin=...)` fills every setting that was not given with the origin's. Weights of
that origin then give that origin's numbers. Layer names are the same for both; with
`origin="torchvision"` the weights come from these tensors of `maskrcnn_resnet50_fpn`:

==============================  ======================================  ========================
our layer                       their tensors                           kernel
==============================  ======================================  ========================
conv1, bn_conv1                 backbone.body.conv1, .bn1               conv
res{s}a_branch2a (stride 1)     backbone.body.layer{s-1}.0.conv1        conv
res{s}a_branch2b (stride 2)     backbone.body.layer{s-1}.0.conv2        conv
res{s}a_branch2c                backbone.body.layer{s-1}.0.conv3        conv
res{s}a_branch1                 backbone.body.layer{s-1}.0.downsample.0 conv
bn{s}a_branch2a, 2b, 2c         backbone.body.layer{s-1}.0.bn1, 2, 3    norm
bn{s}a_branch1                  backbone.body.layer{s-1}.0.downsample.1 norm
res{s}b_..., res{s}c_..., ...   the same with .1., .2., ...             conv, norm
fpn_c{p}p{p}, p = 2 to 5        backbone.fpn.inner_blocks.{p-2}.0       conv
fpn_p{p}, p = 2 to 5            backbone.fpn.layer_blocks.{p-2}.0       conv
rpn_conv_shared                 rpn.head.conv.0.0                       conv
rpn_class_raw                   rpn.head.cls_logits                     conv
rpn_bbox_pred                   rpn.head.bbox_pred                      conv, deltas
mrcnn_class_conv1               roi_heads.box_head.fc6                  (O, D, 7, 7), then conv
mrcnn_class_conv2               roi_heads.box_head.fc7                  (O, I, 1, 1), then conv
mrcnn_class_logits              roi_heads.box_predictor.cls_score       dense
mrcnn_bbox_fc                   roi_heads.box_predictor.bbox_pred       dense, deltas
mrcnn_mask_conv{i}, i = 1 to 4  roi_heads.mask_head.{i-1}.0             conv
mrcnn_mask_deconv               roi_heads.mask_predictor.conv5_mask     transposed
mrcnn_mask                      roi_heads.mask_predictor.mask_fcn_logits conv
==============================  ======================================  ========================

- conv: `weight (O, I, h, w)` becomes `kernel (h, w, I, O)`, that is `transpose(2, 3, 1, 0)`.
- `(O, D, 7, 7)`: the flat input axis of fc6 runs over channel, row, column: reshape
  `(1024, 12544)` to `(1024, 256, 7, 7)` first. fc7 gets two axes of length 1.
- dense: `weight (O, I)` becomes `kernel (I, O)`.
- transposed: `weight (I, O, 2, 2)` becomes `kernel (2, 2, O, I)`, again `transpose(2, 3, 1, 0)`;
  nothing is flipped.
- norm: weight, bias, running_mean, running_var are gamma, beta, moving_mean, moving_variance;
  `num_batches_tracked`, where a file has it, means nothing.
- bias stays `bias`. Convolutions of the backbone have none (`conv_bias=False`).
- deltas: they order `(dx, dy, dw, dh)`, we `(dy, dx, dh, dw)`. On the output axis, of length
  `4 n` (n is 3 ratios in the RPN, and the classes with the background in the box head), view
  it as `(n, 4)` and take `[:, [1, 0, 3, 2]]`, for the weight and the bias alike.
- Ratios keep their order: theirs are height / width (0.5, 1, 2), ours are width / height, so the
  preset's `anchor_ratios` are (2, 1, 0.5). No other permutation is needed.
- Objectness is one logit per anchor (`rpn_objectness="sigmoid"`): `rpn_class_raw` has as many
  outputs as there are ratios, where Matterport's has (background, foreground) for each.
- Classes: entry 0 is the background in both; class id k of the 91-class file is COCO's own
  category id (some are unused), so `classes` has 90 names there.
- The heads have no norms (`head_norm="none"`): nothing takes `mrcnn_class_bn1` and the like.
- Files of before torchvision 0.13 (the published COCO_V1 weights are one) say
  `backbone.fpn.inner_blocks.{i}`, `backbone.fpn.layer_blocks.{i}` and `rpn.head.conv` without
  the trailing `.0` / `.0.0`, and `roi_heads.mask_head.mask_fcn{i}` for `mask_head.{i-1}.0`.
- In training, four things remain ours: true boxes are those of the resized masks and so end on
  whole pixels; mask targets are sampled from masks of `mini_mask_size` cells; all images of a
  dataset share one canvas; `weight_decay` is that of `l2_penalty`. With equal boxes and samples
  the four other losses are torchvision's to 1e-6, that of the masks to 2e-3.
- `norm_epsilon` is 1e-5, torchvision's for weights that one trains with it. The published COCO_V1
  weights are used with 0 there: set `norm_epsilon=0.0` for them.
"""

from __future__ import annotations

import dataclasses

__all__ = ["ORIGINS", "Origin"]


@dataclasses.dataclass(frozen=True)
class Origin:
    """One origin's values of the settings of the same names, see `MaskRCNNConfig`.

    The defaults are those of matterport/Mask_RCNN.
    """

    image_size: int = 1024
    image_min_size: int | None = None
    image_fit: str = "matterport"
    pixel_mean: tuple[float, ...] = (123.7, 116.8, 103.9)
    pixel_std: tuple[float, ...] = (1.0,)
    stride_on_3x3: bool = False
    conv_bias: bool = True
    symmetric_padding: bool = False
    norm_epsilon: float = 1e-3
    head_norm: str | None = None
    anchor_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    anchor_rounding: bool = False
    box_units: str = "normalized"
    rpn_channels: int = 512
    rpn_objectness: str = "softmax"
    rpn_std: tuple[float, ...] = (0.1, 0.1, 0.2, 0.2)
    box_loss: str = "mean"
    pre_nms_limit: int = 6000
    pre_nms_train: int | None = None
    proposal_rule: str = "pooled"
    train_rois: int = 200
    roi_positive_fraction: float = 0.33
    fill_rois: bool = False
    add_truth_to_proposals: bool = False
    mask_targets: str = "rounded"
    roi_align: str = "matterport"
    detection_rule: str = "best_class"
    detection_min_confidence: float = 0.7
    detection_nms_threshold: float = 0.3
    mask_paste: str = "faded"


ORIGINS = {
    "matterport": Origin(),
    "torchvision": Origin(
        image_size=1333,
        image_min_size=800,
        image_fit="padded",
        pixel_mean=(0.485 * 255, 0.456 * 255, 0.406 * 255),
        pixel_std=(0.229 * 255, 0.224 * 255, 0.225 * 255),
        stride_on_3x3=True,
        conv_bias=False,
        symmetric_padding=True,
        norm_epsilon=1e-5,
        head_norm="none",
        anchor_ratios=(2.0, 1.0, 0.5),
        anchor_rounding=True,
        box_units="pixels",
        rpn_channels=256,
        rpn_objectness="sigmoid",
        rpn_std=(1.0, 1.0, 1.0, 1.0),
        box_loss="per_sample",
        pre_nms_limit=1000,
        pre_nms_train=2000,
        proposal_rule="per_level",
        train_rois=512,
        roi_positive_fraction=0.25,
        fill_rois=True,
        add_truth_to_proposals=True,
        mask_targets="averaged",
        roi_align="torchvision",
        detection_rule="every_class",
        detection_min_confidence=0.05,
        detection_nms_threshold=0.5,
        mask_paste="expanded",
    ),
}
"""Name of the origin to its settings."""
