"""What an AWS event needs in an account before it begins: SageMaker Studio with a space for each participant."""
