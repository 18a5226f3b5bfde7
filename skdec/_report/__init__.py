"""Reports of clusters as one HTML file that needs no network.

The module is private because `skdec.report` is the function: a module of the same name would
replace it in the package as soon as it is imported.
"""

from skdec._report.page import Report, check_plotly, report, report_comparison

__all__ = ["Report", "check_plotly", "report", "report_comparison"]
