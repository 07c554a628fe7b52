"""The systems' ways from an image to their answers, each as one graph.

A system names its module here as `Estimator.serving_graph`; `tfseg.export.endpoints` says what such
a module has. Nothing else of this room knows a system.
"""
