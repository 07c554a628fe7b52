"""Any dataset in the formats of annotation tools; COCO's is `tfseg.data.coco.coco_writer`."""
