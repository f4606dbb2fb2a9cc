"""How a text is read: words, sentences, sections, prose, scripts."""
