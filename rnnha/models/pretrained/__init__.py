"""Other people's weights of the backbones: their files read, and kept in one convention."""
