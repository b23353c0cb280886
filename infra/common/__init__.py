"""What several constructs share: buckets and keys, log groups, reasons for findings that stay."""
