"""What is masked, and what it is called.

  coverage     how much of the attention matrix a decode masks
  decodes      what is masked in each layer, names of files
  definitions  what each zone does, as a digest
  draws        which tokens a control masks
  grammar      the flags --mask_...: text to decodes
  layouts      where question and passage stand in a window
  masking      masks: unions of zones and controls, in all heads or some
  members      which tokens of a window are in sets that the data says
  sets         ONE table of sets of tokens, of which further zones are made
  zones        ONE table of zones
"""
