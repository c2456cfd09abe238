"""Diagnose a file manager's storage, or an upload that is stuck, in sentences for an operator. Change nothing."""
