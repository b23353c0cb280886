"""Amazon S3 where MiniStack's answers differ from AWS's: reads, answers, rules that need its state, and full disks."""
