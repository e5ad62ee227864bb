"""The table behind test_iam: what AWS's documentation says of a policy and a request.

Verdicts are derived from the pages that the rows name, never from the engine. What the pages leave
open is no row. Organization policies are not in it: there are none in this cloud.
"""

from tests.infra.iam_cases import logic, operators, principals, services
from tests.infra.iam_cases.form import CASES, A, Case, D, P, ask

__all__ = ["CASES", "A", "Case", "D", "P", "ask", "logic", "operators", "principals", "services"]
