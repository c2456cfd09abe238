"""Google Cloud Storage. Empty on purpose: importing `gcs.settings` must not import the Google SDK."""
