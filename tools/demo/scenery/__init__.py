"""Drawn street scenes with exact annotations: boxes, masks, COCO keypoints and identities."""
