"""How texts are split, joined and watched around the stages of an extension."""
