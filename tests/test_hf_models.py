"""hf_models.py: each model of Hugging Face computes here what it does there."""

import json

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones import convert_hf
from attention_zones.zones.decodes import BASELINE
from bert_reference import FEATURES
from bert_reference import variables_of
from golden_cells import cells_of
from golden_cells import check_cells
import hf_folder
import modeling

MODELS = ["distilbert"]
# How near the logits of transformers have to be; docs/models.md says so.
LOGITS_OF_TRANSFORMERS = 1e-4


def check_logits(published, source, out):
  """Converts a folder, and compares with the logits of make_hf.py."""
  assert convert_hf.main([str(source), str(out)]) == 0
  config = modeling.BertConfig.from_json_file(str(out / "bert_config.json"))
  reader = tf.train.load_checkpoint(str(out))
  assert set(reader.get_variable_to_shape_map()) == set(variables_of(config)) | {
      "global_step"}
  cells = dict(cells_of(published))
  cells[BASELINE] = published["baseline"]
  check_cells(
      config, {name: reader.get_tensor(name) for name in variables_of(config)},
      np.stack([published[name] for name in FEATURES]), cells,
      LOGITS_OF_TRANSFORMERS)


@pytest.mark.parametrize("name", MODELS)
def test_logits_of_transformers(name, repository, tmp_path):
  published = np.load(str(repository / "tests/golden/hf" / ("%s.npz" % name)))
  hf_folder.write(tmp_path / "hf", json.loads(str(published["config"])), {
      key[len("tensor."):]: published[key] for key in published.files
      if key.startswith("tensor.")})
  check_logits(published, tmp_path / "hf", tmp_path / "out")
