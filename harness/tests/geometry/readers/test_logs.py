"""Logs of oneDNN and MIOpen among other lines: what is read, counted, left out by its line, and refused."""

from __future__ import annotations

import pytest

from harness.geometry.layers import Found, ShapesError, read_shapes
from harness.geometry.networks import networks
from harness.tests.helpers.plugins import Write

_PROBLEM = "mb1_ic3oc64_ih224oh112kh7sh2dh0ph3_iw224ow112kw7sw2dw0pw3"
_SPEC = "n1c3h224w224_f64kh7kw7_sh2sw2_pt3pb2pl3pr2"
_NEW = "onednn_verbose,v1,primitive,exec,cpu,"
_TENSORS = "src:f32:a:blocked:abcd::f0 wei:f32:a:blocked:Acdb8a::f0 bia:undef::undef::: dst:f32:a:blocked:aBcd8b::f0"


def line(
    problem: str, passed: str = "forward_training", primitive: str = "convolution", tensors: str = _TENSORS
) -> str:
    """A line of oneDNN 3 about an executed primitive."""
    return (
        f"{_NEW}{primitive},jit:avx2,{passed},{tensors},attr-scratchpad:user,alg:{primitive}_direct,{problem},22.1221"
    )


def read(write: Write, *lines: str) -> Found:
    """What a file `net.log` of these lines holds."""
    return read_shapes(str(write("net.log", "\n".join(lines) + "\n")))


def counts(found: Found) -> dict[str, int | None]:
    """How often each geometry is there."""
    suite = "net (in part)" if "3-D" in found.why() else "net"
    assert all(layer.name == f"{suite}:{layer.spec}" for layer in found.layers)
    return {str(layer.spec): layer.count for layer in found.layers}


# -- oneDNN ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        # of 0.x, 1.x, 2.x, 3.x, with timestamps, and behind the mark of a launcher
        "mkldnn_verbose,exec,convolution,jit:avx2,forward_training,fsrc:nchw fwei:Ohwi8o fbia:x fdst:nChw8c,"
        f"alg:convolution_direct,{_PROBLEM},12.3",
        "dnnl_verbose,exec,cpu,convolution,jit:avx2,forward_inference,src_f32::blocked:abcd:f0 wei_f32::blocked:"
        f"Acdb8a:f0 bia_f32::blocked:a:f0 dst_f32::blocked:aBcd8b:f0,,alg:convolution_direct,{_PROBLEM},0.0390625",
        "onednn_verbose,exec,cpu,convolution,brgconv:avx512_core,forward_inference,src_f32::blocked:acdb:f0,"
        f"attr-scratchpad:user attr-post-ops:eltwise_relu,alg:convolution_direct,{_PROBLEM},0.3",
        line(_PROBLEM),
        line(_PROBLEM).replace("v1,primitive", "v1,1795959762202.566895,primitive"),
        f"[rank0] {line(_PROBLEM)}",
    ],
)
def test_every_version_of_onednn(write: Write, text: str) -> None:
    found = read(write, text)
    assert (counts(found), found.why()) == ({_SPEC: 1}, "")
    assert [(layer.name, layer.spec) for layer in read_shapes(text).layers] == [(_SPEC, found.layers[0].spec)]


def test_other_primitives_and_other_lines_are_passed_over(write: Write) -> None:
    found = read(
        write, "loading the model ..", "onednn_verbose,v1,info,oneDNN v3.12.0 (commit 80afa71)",
        "onednn_verbose,v1,primitive,info,template:timestamp,operation,engine,primitive,implementation,prop_kind",
        "onednn_verbose,v1,graph,exec,cpu,100002,convolution_post_ops,conv;relu,,,,,0.3",
        line("1x8x32x32", "undef", "reorder"), line("mb1ic512oc10", "forward_inference", "inner_product"),
        line(_PROBLEM).replace(",exec,", ",create:cache_miss,"), line(_PROBLEM), f"# {line(_PROBLEM)}",
        line("mb1ic8_ih6oh3kh2sh2dh0ph0_iw6ow3kw2sw2dw0pw0", primitive="pooling"), "", "done",
    )  # fmt: skip
    assert (counts(found), found.why()) == ({_SPEC: 1}, "")


def test_a_geometry_that_is_there_again_is_counted(write: Write) -> None:
    """By pass: a training step has three lines a layer, the first layer two."""
    inner, first = "g4mb1_ic8oc8_ih9oh9kh3sh1dh1ph2_iw9ow9kw3sw1dw1pw2", _PROBLEM
    step = [
        line(first), line(inner), line(inner, "forward_inference"), line(inner, "backward_data"),
        line(inner, "backward_weights"), line(inner, "backward_data"), line(inner, "backward_weights"),
        line(first, "backward_weights"),
    ]  # fmt: skip
    spec = "n1c8h9w9_f8kh3kw3_pt2pb2pl2pr2_dh2dw2_g4"
    assert counts(read(write, *step)) == {_SPEC: 1, spec: 2}
    assert counts(read(write, *step, *step)) == {_SPEC: 2, spec: 4}
    assert counts(read(write, line(inner, "backward_weights"))) == {spec: 1}


def test_a_log_is_a_network(write: Write) -> None:
    (network,) = networks(read(write, line(_PROBLEM), line(_PROBLEM)).layers)
    assert (network.name, network.convolutions) == ("net", 2)


def test_what_no_spec_is_made_of_is_left_out_by_its_line(write: Write) -> None:
    cube = "mb2_ic4oc8_id8od6kd3sd1dd0pd0_ih8oh6kh3sh1dh0ph0_iw8ow6kw3sw1dw0pw0"
    brief = _TENSORS.replace("f32", "bf16")
    found = read(write, line(cube), line(_PROBLEM, primitive="deconvolution"), line(_PROBLEM, tensors=brief))
    assert counts(found) == {_SPEC: 1}
    assert found.why() == (
        "line 1: 3-D; line 2: a deconvolution, which is the input gradient of another spec; "
        "line 3: the data type bf16: only the geometry is read"
    )
    with pytest.raises(ShapesError, match=r"holds no layer; left out: line 1: 3-D$"):
        read(write, line(cube))
    with pytest.raises(ShapesError, match=r"^--shapes holds no layer; left out: line 1: 3-D$"):
        read_shapes(line(cube))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([line(_PROBLEM), line("")], "line 2: an executed convolution must have its problem, such as mb1_ic3oc4"),
        ([line(_PROBLEM)[:60]], "line 1: an executed convolution must have its problem"),
        ([line("mb1_ic3oc4_ih5oh3kh3sh0dh0ph0")], "line 1: stride must be at least 1, got 0"),
        ([line("mb1_ic3oc4_ih5oh3")], "line 1: benchdnn descriptor 'mb1_ic3oc4_ih5oh3' lacks 'kh'"),
        (["onednn_verbose,v1,info,x"], "net.log' is a log of oneDNN or MIOpen without a convolution that was executed"),
        ([line(_PROBLEM).replace("exec", "create")], "without a convolution that was executed"),
        ([line("1x8", primitive="reorder")], "without a convolution that was executed"),
    ],
)
def test_what_is_wrong_in_a_log_of_onednn_is_named(write: Write, lines: list[str], message: str) -> None:
    with pytest.raises(ShapesError) as caught:
        read(write, *lines)
    assert message in str(caught.value)


# -- MIOpen ------------------------------------------------------------------------------------------------------------

_DRIVER = "MIOpenDriver conv -n 2 -c 6 -H 9 -W 10 -k 4 -y 3 -x 2 -p 1 -q 0 -u 2 -v 3 -l 1 -j 4 -m conv -g 2 -F 1 -t 1"
_LONG = (
    "MIOpenDriver conv --batchsize 2 --in_channels 6 --in_h 9 --in_w 10 --out_channels 4 --fil_h 3 --fil_w 2 --pad_h 1 "
    "--pad_w 0 --conv_stride_h 2 --conv_stride_w 3 --dilation_h 1 --dilation_w 4 --mode conv --group_count 2 --forw 1"
)
_DRIVEN = "n2c6h9w10_f4kh3kw2_sh2sw3_pt1pb1pl0pr0_dh1dw4_g2"


@pytest.mark.parametrize(
    "text",
    [
        _DRIVER, _LONG, f"/opt/rocm/bin/{_DRIVER}", f"MIOpen(HIP): Command [LogCmdConvolution] ./bin/{_DRIVER}",
        f"{_DRIVER} -V 0 -i 1 2>&1 | tee -a run.log", f"time ./{_DRIVER} ${{TRACE}} ; echo done", f'"{_DRIVER}",',
        f"{_DRIVER} --spatial_dim 2 --in_layout NCHW -in_layout=NCHW --in_d 1 --pad_d 0", f"{_DRIVER} # conv3",
        _LONG.replace("--pad_h 1", "--pad_h=1"), f"{_DRIVER} -n 2",
    ],
)  # fmt: skip
def test_a_line_of_miopen_however_it_is_written(write: Write, text: str) -> None:
    found = read(write, text)
    assert (counts(found), found.why()) == ({_DRIVEN: 1}, "")
    assert [layer.name for layer in read_shapes(text).layers] == [_DRIVEN]


def test_what_a_line_of_miopen_does_not_say_is_the_default_of_the_driver(write: Write) -> None:
    assert counts(read(write, "MIOpenDriver conv")) == {"n100c3h32w32_f32kh3kw3": 1}
    found = read(write, "./bin/MIOpenDriver conv -W 33 -H 34 -c 5 -k 36 -x 5 -y 4 -p 2 -q 1")
    assert counts(found) == {"n100c5h34w33_f36kh4kw5_pt2pb2pl1pr1": 1}


def test_lines_of_miopen_are_counted_by_pass(write: Write) -> None:
    """The bits of -F are forward, the gradient of the input, that of the weights; 0 is all of them."""
    other = _DRIVER.replace("-n 2", "-n 3")
    lines = [_DRIVER.replace("-F 1", f"-F {way}") for way in (1, 2, 4, 0, 5)]
    assert counts(read(write, *lines, other, _DRIVER.replace("conv -n", "pool -n"))) == {
        _DRIVEN: 3, _DRIVEN.replace("n2", "n3"): 1,
    }  # fmt: skip


def test_what_of_miopen_is_left_out_by_its_line(write: Write) -> None:
    found = read(
        write, _DRIVER.replace("conv -n", "convfp16 -n"), _DRIVER.replace("conv -n", "convbfp16 -n"),
        f"{_DRIVER} --spatial_dim 3 --in_d 4", _DRIVER.replace("-m conv", "-m trans"), f"{_DRIVER} -z same",
    )  # fmt: skip
    assert counts(found) == {_DRIVEN: 2}
    assert found.why() == (
        "line 1: the data type fp16: only the geometry is read; "
        "line 2: the data type bfp16: only the geometry is read; line 3: 3-D; "
        "line 4: a transposed convolution, which is the input gradient of another spec; "
        "line 5: padding 'same' by name; give --pad_h and --pad_w"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"echo\n{_DRIVER} x", "net.log', line 2: MIOpenDriver takes options and their values, got 'x'"),
        (_DRIVER.replace("-n 2", "-n two"), "1: MIOpenDriver's option --batchsize must be a whole number, got 'two'"),
        (_DRIVER.replace("-n 2", "-n -2"), "option --batchsize must be a whole number, got '-2'"),
        (f"{_DRIVER} -n", "option --batchsize must be a whole number, got ''"),
        (_DRIVER.replace("-m conv", "-m dw"), "option --mode must be conv or trans, got 'dw'"),
        (_DRIVER.replace("-g 2", "-g 4"), "line 1: in_channels must be divisible by groups: 6 % 4"),
        (_LONG.replace("fil_h", "fill_h"), "has no option '--fill_h', did you mean 'fil_h'?"),
        (_LONG.replace("conv_stride_h", "stride_h"), "has no option '--stride_h', did you mean 'conv_stride_h'?"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_line_of_miopen_is_named(write: Write, text: str, message: str) -> None:
    with pytest.raises(ShapesError) as caught:
        read(write, text)
    assert message in str(caught.value)


def test_a_table_whose_comment_names_a_log_is_a_table(write: Write) -> None:
    found = read(write, f"# of {_DRIVER}", "C,H,W,F,KH,KW", "6,9,10,4,3,2")
    assert [str(layer.spec) for layer in found.layers] == ["n1c6h9w10_f4kh3kw2"]
