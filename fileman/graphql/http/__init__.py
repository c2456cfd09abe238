"""The API over HTTP: the view, the bodies it reads, the limits on documents."""
