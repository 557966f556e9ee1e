"""JSON to windows, spans to text.

  answer_text              the text of a span of word pieces
  batches                  windows read back from their file, in batches
  character_alignment      which character of a passage is which of its tokens
  cmrc_data                CMRC 2018's words, labels and answer texts
  data_checks              what is unusual about a data set or vocabulary that can
                           be read
  hf_tokenizer             the tokens of a tokenizer.json of Hugging Face
  piece_places             where these stand in a passage
  passages                 a passage's word pieces and their characters
  sentencepiece_tokenizer  the tokens of English ALBERT, instead of word pieces
  spans                    which tokens are in gold answers, and in those of --spans
  squad_data               SQuAD's JSON to examples
  tokenizer_json           what is read from a tokenizer.json
  tokenizer_settings       added tokens, the longest word
  vocab_lines              the entries of a vocab.txt, empty lines among them
  windows                  examples to windows of tokens, and their file
"""
