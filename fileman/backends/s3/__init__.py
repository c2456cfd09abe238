"""Amazon S3 and compatible stores. Empty on purpose: importing `s3.settings` must not import the AWS SDK."""
