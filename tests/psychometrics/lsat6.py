"""Section 6 of the Law School Admission Test: 1,000 examinees, five items, and how many gave each pattern of answers.

Bock, R. D., and Lieberman, M. (1970). Fitting a response model for n dichotomously scored items. Psychometrika 35, 179-197.
The two-parameter estimates are those of R's package ltm, Rizopoulos (2006), Journal of Statistical Software 17(5), for the
same data; Bock and Aitkin (1981), Psychometrika 46, give theirs for another scale.
"""

PATTERNS = {
    "00000": 3, "00001": 6, "00010": 2, "00011": 11, "00100": 1, "00101": 1, "00110": 3, "00111": 4,
    "01000": 1, "01001": 8, "01011": 16, "01101": 3, "01110": 2, "01111": 15,
    "10000": 10, "10001": 29, "10010": 14, "10011": 81, "10100": 3, "10101": 28, "10110": 15, "10111": 80,
    "11000": 16, "11001": 56, "11010": 21, "11011": 173, "11100": 11, "11101": 61, "11110": 28, "11111": 298,
}  # fmt: skip
"""Pattern of right (1) and wrong (0) answers → examinees; the two of the 32 that nobody gave are left out."""
RIGHT = (924, 709, 553, 763, 870)
"""Right answers to each item, as published."""
DISCRIMINATION = (0.8254, 0.7229, 0.8905, 0.6886, 0.6575)
DIFFICULTY = (-3.3597, -1.3696, -0.2799, -1.8659, -3.1236)
DISCRIMINATION_ERROR = (0.2581, 0.1867, 0.2326, 0.1852, 0.2100)
"""Standard errors of the discriminations."""
LOG_LIKELIHOOD = -2466.65
