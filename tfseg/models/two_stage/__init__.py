"""What Mask R-CNN and CoMask share: settings, backbone, published weights, the rules between the
region proposal network and the detections, targets and decoding. It knows neither of the two."""
