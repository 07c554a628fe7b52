"""A network as small as its parts allow."""

SMALL = dict(
    backbone="mobilenet_v2",
    backbone_width=0.35,
    pyramid_channels=16,
    branch_width=16,
    transformer_channels=128,
    transformer_hidden=32,
    encoder_layers=1,
    decoder_layers=2,
    queries=6,
    image_size=64,
)
