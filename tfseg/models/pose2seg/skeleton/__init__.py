"""What Pose2Seg does with poses: templates, alignment to them, and skeletons as feature maps."""
