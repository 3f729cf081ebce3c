"""The page of `checks echo`, and what its visitors find."""
