"""The kinds of reload action, one file each: what component.yaml says, carried out."""
