"""What is masked, and what it is called.

  decodes      the grammar of the flags --mask_..., names of files
  definitions  what each zone does, as a digest
  draws        which tokens a control masks
  zones        ONE table of zones; which tokens are Q and P; masks, controls
"""
