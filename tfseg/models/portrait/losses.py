"""The losses of the portrait network: the prediction, four categorical maps, four boundaries, and
the divergence from a teacher's answers.

Source: Zhu et al. (2019), sections 2.1.1 and 2.1.2; the weights are usual ones, for the paper
names none. The teacher's: Hinton, Vinyals, Dean, Distilling the knowledge in a neural network
(2015), pixel by pixel.
"""

from __future__ import annotations

from keras import ops

from tfseg.nn.losses.boundary import balanced_cross_entropy, edge_map, pool_cells, reliable
from tfseg.nn.losses.classification import masked_mean, softmax_cross_entropy
from tfseg.structures.semantic import IGNORED

__all__ = [
    *("TEACHER_TERM", "TERMS"),
    *("boundary_targets", "loss_terms", "segmentation_loss", "teacher_loss"),
]

TERMS = ("main_loss", "semantic_loss", "boundary_loss")
TEACHER_TERM = "teacher_loss"


def loss_terms(outputs: dict, labels, valid, classes: int, strides) -> dict:
    """Returns the losses by name, float32 scalars, each before its weight.

    Args:
        outputs: What the graph returns; the plain decoder has `logits` alone, and 0 for the rest.
        labels: int `(B, H, W)`, 255 ignored.
        valid: bool `(B, H, W)`, False where the input shows nothing of the image.
        classes: N, the background included.
        strides: Of the four layers.

    Returns:
        `main_loss`; `semantic_loss` and `boundary_loss`, the sums over the four layers.
    """
    labels = ops.cast(labels, "int32")
    semantic = boundary = ops.zeros((), "float32")
    if "sem_1" in outputs:
        targets = boundary_targets(labels, valid, classes, strides)
        for number, (edges, counted) in enumerate(targets, 1):
            logits = outputs[f"sem_{number}"]
            semantic = semantic + segmentation_loss(labels, logits)
            logits = outputs[f"bnd_{number}"][..., 0]
            boundary = boundary + balanced_cross_entropy(edges, logits, counted)
    return {
        "main_loss": segmentation_loss(labels, outputs["logits"]),
        "semantic_loss": semantic,
        "boundary_loss": boundary,
    }


def segmentation_loss(labels, logits):
    """Returns the mean softmax cross-entropy over pixels that are not ignored; 0 without any.

    Args:
        labels: int32 `(B, H, W)`, 255 ignored.
        logits: `(B, h, w, N)`; brought to `(H, W)` first, bilinear.
    """
    size = ops.shape(labels)[1:3]
    logits = ops.cast(logits, "float32")
    if logits.shape[1:3] != labels.shape[1:3]:
        logits = ops.image.resize(
            logits, size, interpolation="bilinear", data_format="channels_last"
        )
    known = labels != IGNORED
    losses = softmax_cross_entropy(ops.where(known, labels, 0), logits)
    return masked_mean(losses, known)


def teacher_loss(logits, teacher_logits, valid, temperature: float = 1.0):
    """Returns the mean Kullback-Leibler divergence of a network's probabilities from its teacher's,
    float32; 0 where they are equal, and where no pixel shows the image.

    It is multiplied by the temperature's square, so that gradients keep their size.

    Args:
        logits: `(B, H, W, N)`.
        teacher_logits: The same of the teacher, for which nothing is learnt.
        valid: bool `(B, H, W)`, where the input shows the image, labelled or not.
        temperature: What logits are divided by.
    """
    teacher_logits = ops.stop_gradient(ops.cast(teacher_logits, "float32"))
    wanted = ops.log_softmax(teacher_logits / temperature, axis=-1)
    found = ops.log_softmax(ops.cast(logits, "float32") / temperature, axis=-1)
    each = ops.sum(ops.exp(wanted) * (wanted - found), axis=-1)
    return temperature**2 * masked_mean(each, valid)


def boundary_targets(labels, valid, classes: int, strides) -> list:
    """Returns `(edges, counted)`, bool `(B, h_i, w_i)`, of each layer.

    Ignored pixels become background first: in VOC they are the ring around each object, which
    would erase every edge. What lies beside or outside the image is not counted.

    Args:
        labels: int32 `(B, H, W)`.
        valid: bool `(B, H, W)`.
        classes: N.
        strides: Of the layers.
    """
    seen = reliable(ops.cast(valid, "bool"))
    edges = edge_map(ops.where(labels == IGNORED, 0, labels), classes) & seen
    return [(pool_cells(edges, stride), pool_cells(seen, stride)) for stride in strides]
