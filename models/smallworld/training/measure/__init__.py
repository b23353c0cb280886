"""What the model is measured by: prompts with known answers, the judge, and how sharp edges are."""
