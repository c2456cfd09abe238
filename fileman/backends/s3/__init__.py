"""Amazon S3 and compatible stores. Empty, because importing `s3.settings` must not import the AWS SDK."""
