"""Geometries that take `numba_tiled` down every way that it has."""

from __future__ import annotations

SPECS = [
    "n2c3h12w11_f4kh3kw2", "n3c6h8w3_f9kh2kw2_sh1sw3_pt1pb0pl2pr2_dh2dw1_g3", "n2c9h9w10_f5kh3kw3_sh2sw2_pt1pb1pl1pr1",
    "n2c4h9w10_f8kh1kw1_sh2sw2", "n1c12h30w61_f20kh3kw3_pt1pb1pl1pr1", "n3c2h19w23_f17kh5kw3_sh4sw4_pt2pb1pl3pr0",
    "n2c17h7w7_f33kh3kw3_pt1pb1pl1pr1", "n2c4h9w10_f8kh1kw1_pt1pb2pl0pr1", "n2c9h8w8_f9kh3kw3_pt1pb1pl1pr1_g9",
    "n2c2h4w5_f2kh2kw2_sh7sw9", "n1c2h10w9_f3kh2kw3_sh3sw2_pt2pb1pl1pr3_dh3dw2",
    "n2c3h8w8_f2kh3kw3_sh2sw2_pt1pb1pl1pr1_dh2dw2", "n1c3h33w50_f2kh16kw16_sh16sw16",
    "n2c3h9w140_f2kh3kw3_pt1pb1pl1pr1", "n1c2h1w2_f2kh3kw3_sh1sw2_pt2pb2pl4pr4",
    "n1c9h11w131_f17kh3kw7_pt1pb1", "n1c9h11w129_f17kh3kw5_sh2sw2", "n1c10h5w70_f16kh2kw9",
    "n2c9h9w61_f16kh1kw3_dh1dw3", "n2c2h9w201_f9kh3kw3_sh2sw2_pt1pb1pl3pr2", "n2c2h8w250_f9kh3kw4_sh2sw3_pt1pl1pr2",
    "n1c2h5w255_f3kh1kw1_sh2sw2",
    # one channel a group, in small planes, several at a time, and in bands of rows
    "n2c5h7w7_f10kh3kw3_pt1pb1pl1pr1_g5", "n1c3h9w20_f9kh2kw4_sh2sw2_pt0pb3pl2pr1_g3",
    "n2c2h13w9_f2kh3kw2_sh3sw5_pt1pb0pl0pr4_g2", "n1c2h12w21_f4kh3kw3_sh2sw1_pt4pb1pl3pr6_dh3dw5_g2",
    "n1c2h150w118_f2kh3kw3_sh2sw2_pt1pb1pl1pr1_g2", "n1c2h70w130_f4kh5kw7_pt2pb2pl3pr3_g2", "n2c1h9w33_f3kh3kw3",
    "n1c3h2w3_f3kh2kw2_sh3sw4_pt7pb2pl9pr30_g3", "n1c400h5w6_f400kh3kw2_sh2sw2_g400",
    "n2c3h13w100_f3kh3kw3_sh3sw3_pt1pb1pl1pr1_g3", "n2c3h9w75_f3kh3kw3_sh2sw2_pt1pb1pl1pr1_g3",
    "n3c12h9w9_f60kh5kw5",
]  # fmt: skip


# Lanes go along the filters: small images, in place or with rows of taps that see only padding, and several groups.
TRANSPOSED = [
    "n9c64h9w9_f48kh2kw2", "n20c40h8w8_f70kh5kw5_pt2pb2pl2pr2", "n9c66h16w16_f96kh3kw3_sh2sw2_pt1pb1pl1pr1_g2",
    "n4c48h7w7_f48kh3kw3_pt1pb1pl1pr1", "n20c48h8w8_f48kh3kw3_pt2pb2pl2pr2_dh2dw2",
    "n16c48h15w15_f40kh3kw3_sh2sw2_pt1pb1pl1pr1", "n1c48h31w31_f64kh9kw9_sh2sw2_pt4pb4pl4pr4",
]  # fmt: skip


# Large enough to be divided into bands, chunks of images and blocks of the reduction.
IN_BANDS = [
    "n1c64h112w112_f16kh3kw3_pt1pb1pl1pr1", "n4c128h30w30_f64kh1kw1", "n2c32h7w7_f64kh3kw3_pt1pb1pl1pr1",
    "n3c32h7w7_f64kh3kw3_pt1pb1pl1pr1", "n5c32h8w8_f64kh3kw3_pt1pb1pl1pr1",
    "n1c64h14w14_f40kh3kw3_pt1pb1pl1pr1", "n1c512h7w7_f64kh1kw1",  # positions beyond whole vectors
    "n1c32h7w7_f128kh3kw3_pt1pb1pl1pr1",  # and packed
]  # fmt: skip


# So much padding, or so many small images, that taps which see only padding are skipped in one op at least.
SKIPPING = [
    "n1c9h11w14_f10kh3kw3_pt9pb9pl9pr9_dh9dw9", "n3c17h19w23_f41kh3kw3_pt8pb6pl7pr9_dh7dw8",
    "n2c16h21w30_f24kh5kw3_pt12pb12pl5pr5_dh6dw5", "n1c18h33w27_f34kh3kw3_pt12pb12pl12pr12_dh12dw12_g2",
    "n2c16h25w25_f24kh3kw3_sh2sw2_pt12pb12pl12pr12_dh12dw12", "n2c24h31w40_f24kh3kw3_sh1sw2_pt18pb18pl18pr18_dh18dw18",
    "n9c24h7w7_f24kh3kw3_pt1pb1pl1pr1", "n1c16h9w40_f16kh1kw3_pt0pb0pl24pr20_dh1dw20",
    "n2c32h28w28_f16kh2kw2_pt24pl24_dh24dw24", "n1c64h65w65_f72kh3kw3_pt6pb6pl6pr6_dh6dw6",
    "n16c256h7w7_f64kh3kw3_pt1pb1pl1pr1",
]  # fmt: skip

# Rows of one vector and more, of whole vectors and not, of fewer; filters beyond whole blocks; taps beyond a block;
# rows without a gap, of several images and groups.
ROWS = [
    "n2c3h20w17_f9kh3kw2", "n1c3h33w40_f17kh7kw7_sh2sw2_pt3pb3pl3pr3", "n1c40h9w50_f20kh3kw3_pt1pb1pl1pr1",
    "n2c300h7w7_f19kh1kw1", "n2c6h12w9_f50kh1kw1_g2", "n1c40h12w31_f11kh3kw3", "n2c9h6w5_f8kh3kw3",
]  # fmt: skip


# One to three positions beyond whole vectors in an input gradient, direct and packed: whole blocks of channels and not,
# groups, blocks of taps that end within a filter.
LEFT_OVER = [
    "n1c108h11w5_f34kh3kw3_pt1pb1pl1pr1", "n1c216h14w6_f36kh2kw3_pt1pl1pr1_g2", "n1c200h15w12_f34kh3kw3_pt1pb1pl1pr1",
    "n1c200h7w7_f34kh3kw3_pt1pb1pl1pr1", "n1c400h5w13_f36kh3kw3_pt1pb1pl1pr1_g2", "n1c360h10w5_f34kh2kw3_pt1pl1pr1",
    "n1c360h5w7_f34kh5kw5_pt2pb2pl2pr2",
]  # fmt: skip


SPECS += TRANSPOSED + ROWS + LEFT_OVER
