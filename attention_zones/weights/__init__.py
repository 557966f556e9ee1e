"""Where weights come from.

  checkpoint_names  what the names of variables say: architecture, answer head
  checkpoints       which one is read, whether it is complete and fits the model
  hf_files          a folder of Hugging Face, and the settings in its JSON files
  hf_kind           what a folder of Hugging Face is, and what is refused
  hf_models         a table of the models of Hugging Face that are converted
  hf_names          what Hugging Face and Google call the same variable
  hf_verify         compares a converted model with transformers' own
  hf_vocab          a folder's vocabulary and added tokens
  safetensors_file  reads a file of safetensors
  torch_file        reads a file of torch.save, without running what it may contain
  training          steps, resuming, the record of a training's settings
"""
