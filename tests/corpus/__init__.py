"""A corpus of root modules in the styles of the world, each with its true dependencies worked out by hand.

`components/<type>/` is the module as somebody wrote it, `components/<type>.truth.yaml` what is true of it:

- `project`: the projects of `projects.py` that have it, one or a list;
- `provider: aws`: `aws-provider.tf` is laid beside its files;
- `group`: a name for modules that belong together;
- `configs`: nickname → config;
- `edges`: nickname → producer → `WAYS: KEYS`, the resolvers that find the dependency and the keys that are
  consumed (`*` for the whole runtime, nothing for none; `-` where it is not seen what is read, so that the
  whole counts);
- `under_tofu`: the same where OpenTofu's files differ;
- `said`: findings as `code place`, by nickname, or under `type` where they are about the module.
"""
