"""What has been trained: the model folders in outputs/, their formats, their base models, and what is known of each."""
