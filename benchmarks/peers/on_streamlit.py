"""The page in Streamlit. Run as: python -m streamlit run on_streamlit.py."""

import streamlit as st
from latest import figures
from work import EVERY


@st.fragment(run_every=EVERY)
def charts():
    """Show the figures, and update them."""
    for key, figure in zip(("line", "bar"), figures(), strict=True):
        st.plotly_chart(figure, key=key, theme=None)


charts()
