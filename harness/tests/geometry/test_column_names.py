"""Names that other people give to the columns of a table of layers, each with what it means."""

from __future__ import annotations

import pytest

from harness.geometry.shape_files.columns import columns_of
from harness.geometry.shape_files.found import ShapesError

_BASE = ["C", "H", "W", "F", "KH", "KW"]
# As they stand in files of frameworks, benchmarks and papers.
_NAMES = {
    "N": "N, n, Batch, batch_size, BatchSize, bs, mb, minibatch, Mini-batch size, images, num_images",
    "C": "C, c, C_in, Cin, inC, ic, Ci, in_channels, inChannels, Input channels, input_channel, in channel, "
    "channels_in, in_planes, channels, Channel, input_c",
    "F": "F, f, C_out, Cout, outC, oc, Co, out_channels, Output Channels, output_channel, out channel, channels_out, "
    "out_planes, filters, num_filters, Num Filter, n_filters, num_output, output_c",
    "G": "G, g, group, Groups, num_groups, n_groups, group_count",
    "H": "H, h, Height, ih, hi, in_h, H_in, input_h, Input Height, input_size_h, image_height, img_h, "
    "IFMAP Height, h_input",
    "W": "W, w, Width, iw, wi, in_w, W_in, input_w, Input Width, input_size_w, image_width, img_w, "
    "IFMAP Width, w_input",
    "KH": "KH, kh, k_h, kernel_h, kernel_height, Kernel Size (H), ksize_h, filter_h, Filter Height, filter size y, fh, "
    "kernel_y, h_kernel, hf",
    "KW": "KW, kw, k_w, kernel_w, kernel_width, Kernel Size (W), ksize_w, filter_w, Filter Width, filter size x, fw, "
    "kernel_x, w_kernel, wf",
    "SH": "SH, sh, stride_h, Stride Height, strides_h, hstride, stride_y, ystride",
    "SW": "SW, sw, stride_w, Stride Width, strides_w, wstride, stride_x, xstride",
    "PH": "PH, ph, pad_h, padding_height, pads_h, hpad, pad_y",
    "PW": "PW, pw, pad_w, padding_width, pads_w, wpad, pad_x",
    "DH": "DH, dh, dil_h, dilation_height, dilations_h, hdilation, dilation_y",
    "DW": "DW, dw, dil_w, dilation_width, dilations_w, wdilation, dilation_x",
    "OH": "OH, oh, out_h, H_out, output_h, Output Height, output_size_h, OFMAP Height, ho",
    "OW": "OW, ow, out_w, W_out, output_w, Output Width, output_size_w, OFMAP Width, wo",
    "OPH": "OPH, oph, output_padding_h, output_pad_height",
    "OPW": "OPW, opw, output_padding_w, output_pad_width",
    "COUNT": "count, Count",
    "PT": "PT, pad_top, padding_top, top_pad",
    "PB": "PB, pad_bottom, padding_bottom, bottom_pad",
    "PL": "PL, pad_left, padding_left, left_pad",
    "PR": "PR, pad_right, padding_right, right_pad",
    "H W": "HW, input_size, Image Size, in_size",
    "KH KW": "kernel, kernel_size, ksize, Filter Size, kernel_shape",
    "SH SW": "stride, Strides, S",
    "PH PW": "pad, pads, Padding, P",
    "DH DW": "dil, dilation, Dilations",
    "OH OW": "output_size, out_size",
    "OPH OPW": "output_padding, output_pad",
    "layer": "layer, Layer Name, name, module, node, source",
    "suite": "suite, Model, network, net, set, benchmark, application",
}
_TOGETHER = ("SH SW", "PH PW", "DH DW", "OH OW", "OPH OPW OH OW", "PT PB PL PR")


@pytest.mark.parametrize(
    ("name", "meaning"), [(name, meaning) for meaning, names in _NAMES.items() for name in names.split(", ")]
)
def test_what_a_name_means(name: str, meaning: str) -> None:
    fields = meaning.split(" ")
    with_it = next((group.split(" ") for group in _TOGETHER if fields[0] in group.split(" ")), [])
    header = [name, *(field for field in dict.fromkeys([*_BASE, *with_it]) if field not in fields)]
    found = columns_of(header)
    assert list(found.fields[0]) == fields
    assert [list(f) for f in found.fields[1:]] == [[field] for field in header[1:]]
    assert list(found.unused) == []


@pytest.mark.parametrize(
    "name",
    "x y input_y img_x sx py note time GFLOPs weights params type dtype id bias direction padded".split(),  # noqa: SIM905
)
def test_names_that_mean_nothing(name: str) -> None:
    found = columns_of([*_BASE, name])
    assert (list(found.fields[-1]), list(found.unused)) == ([], [name])


@pytest.mark.parametrize("name", ["gflop", "col_mib", ""])
def test_names_that_need_not_be_told(name: str) -> None:
    """Those of the tables that ship, and columns that a comma at the end makes."""
    found = columns_of([*_BASE, name])
    assert (list(found.fields[-1]), list(found.unused)) == ([], [])


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("strid", "stride"),
        ("padings", "padding"),
        ("dilaton_h", "dilationh"),
        ("batchsiz", "batchsize"),
        ("grops", "groups"),
        ("output_y", "woutput"),
    ],
)
def test_a_slip_is_refused_since_it_would_be_another_layer(name: str, meant: str) -> None:
    with pytest.raises(ShapesError) as caught:
        columns_of([*_BASE, name])
    assert str(caught.value) == f"column {name!r} is unknown, did you mean {meant!r}?"


def test_a_name_near_one_that_is_there_is_no_slip() -> None:
    assert columns_of([*_BASE, "SH", "SW", "strid"]).unused == ["strid"]


@pytest.mark.parametrize(
    "name",
    "kd kernel_d KernelDepth sd stride_d pd pad_d padding_d dd dilation_d od output_d OutputDepth input_d".split(),  # noqa: SIM905
)
def test_a_third_dimension_is_refused(name: str) -> None:
    with pytest.raises(ShapesError, match="is of a third dimension; layers are 2-D"):
        columns_of([*_BASE, name])


def test_the_best_name_of_a_layer_is_taken() -> None:
    found = columns_of(["source", "name", "network", "model", *_BASE])
    assert found.fields[:4] == [(), ("layer",), (), ("suite",)]
    assert found.unused == ["source", "network"]


@pytest.mark.parametrize(
    ("header", "fields"),
    [
        ("N C H W K R S", "N C H W F KH KW"),
        ("N C H W K R S P Q", "N C H W F KH KW OH OW"),
        ("N C H W K kernel_size S P", "N C H W F KH,KW SH,SW PH,PW"),
        ("N C H W C_out K S P", "N C H W F KH,KW SH,SW PH,PW"),
        ("C H W F KH KW P Q S", "C H W F KH KW OH OW SH,SW"),
    ],
)
def test_letters_are_read_by_their_company(header: str, fields: str) -> None:
    assert [",".join(found) for found in columns_of(header.split()).fields] == fields.split()


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("N C H W F K S P", "'K' may mean the filters or the kernel"),
        ("N C H W K", "'K' may mean the filters or the kernel"),
        ("N C H W K KH KW R", "'R' may mean the kernel's height or width"),
        ("N C H W F KH KW K", "'K' may mean the filters or the kernel"),
        ("N C H W K R S P Q K", "columns 'K' and 'K' both give F"),
    ],
)
def test_letters_in_no_known_company(header: str, named: str) -> None:
    with pytest.raises(ShapesError) as caught:
        columns_of(header.split())
    assert named in str(caught.value)


def test_half_of_two_letters_is_neither_of_them() -> None:
    assert columns_of([*_BASE, "Q"]).unused == ["Q"]
    assert columns_of([*_BASE, "P"]).fields[-1] == ("PH", "PW")


@pytest.mark.parametrize(
    ("there", "lacking"),
    [
        ("SH", "SW"), ("SW", "SH"), ("PH", "PW"), ("PW", "PH"), ("DH", "DW"), ("DW", "DH"), ("OH", "OW"), ("OW", "OH"),
        ("OH OW OPH", "OPW"), ("OH OW OPW", "OPH"), ("PT", "PB, PL, PR"), ("PB PR", "PT, PL"), ("PT PB PL", "PR"),
    ],
)  # fmt: skip
def test_numbers_that_go_together_are_all_there(there: str, lacking: str) -> None:
    *others, first = there.split() if there.startswith("OH OW ") else there.split()[::-1]
    with pytest.raises(ShapesError) as caught:
        columns_of([*_BASE, *others, first])
    assert str(caught.value) == f"the header has {first!r}, so it must have {lacking} too"
