"""Azure Blob Storage. Empty on purpose: importing `azure.settings` must not import the Azure SDK."""
