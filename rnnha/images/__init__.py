"""From image files to batches of pixels: decoding, a copy on disk, augmentation."""
