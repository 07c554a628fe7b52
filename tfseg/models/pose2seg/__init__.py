"""Pose2Seg: a mask for every pose, however much people overlap (Li et al., 2018)."""
