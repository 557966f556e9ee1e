"""What is masked, and what it is called.

  coverage     how much of the attention matrix a decode masks
  decodes      the grammar of the flags --mask_..., names of files
  definitions  what each zone does, as a digest
  draws        which tokens a control masks
  layouts      where question and passage stand in a window
  zones        ONE table of zones; masks, controls
"""
