"""What people look at.

  arrangement     where panels stand, how large cells and labels are
  cases_page      the page of attention_zones.cases
  eval_pictures   the evaluator's curves
  figure_text     which text a figure can draw
  heat_tables     the heatmap as tables of HTML
  heatmap         draws tables, one panel each
  marked_passage  a passage with answers marked
  marks           which cells of a figure get a dot, from results.stats.csv
  mass_figures    draws attention_mass.csv, and mass against effect
  page_about      what a page was made from, in words
  page_html       the frame of a page, its tables and links
  panel_tables    which panels a table becomes: its heads, controls, subsets
"""
