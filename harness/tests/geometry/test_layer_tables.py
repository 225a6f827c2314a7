"""Tables of layers as people and programs write them: separators, columns, names, numbers, and what is wrong there."""

from __future__ import annotations

import pytest

from harness.geometry.layers import Found, ShapesError, read_shapes
from harness.tests.helpers.plugins import Write

_FULL = "suite,layer,N,C,H,W,F,KH,KW,SH,SW,PH,PW,DH,DW,G"
_ROW = "mine,first,2,6,9,10,4,3,2,2,3,1,0,1,4,2"
_SPEC = "n2c6h9w10_f4kh3kw2_sh2sw3_pt1pb1pl0pr0_dh1dw4_g2"


def specs(found: Found) -> dict[str, str]:
    """Layers by name."""
    assert len({layer.name for layer in found.layers}) == len(found.layers)
    return {layer.name: str(layer.spec) for layer in found.layers}


def read(write: Write, text: str) -> Found:
    """What a file `a.csv` of that text holds."""
    return read_shapes(str(write("a.csv", text)))


@pytest.mark.parametrize("separator", [",", ";", "\t", ", ", " ;  "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_separator_and_end_of_line(write: Write, separator: str, end: str) -> None:
    text = end.join(line.replace(",", separator) for line in (_FULL, _ROW, "", _ROW.replace("first", "second")))
    assert specs(read(write, text)) == {"mine:first": _SPEC, "mine:second": _SPEC}


def test_what_excel_writes(write: Write) -> None:
    """A byte order mark, `sep=`, empty columns and rows behind the table, whole numbers with decimals."""
    text = "\ufeffsep=;\n" + f"{_FULL},,\n{_ROW},,\n,,,,,,,,,,,,,,,,,\n".replace(",2,6,", ",2.0,6.00,").replace(
        ",", ";"
    )
    found = read(write, text)
    assert (specs(found), found.why()) == ({"mine:first": _SPEC}, "")


def test_quotes_comments_and_blanks(write: Write) -> None:
    text = f'# of mine\n\n"suite" , {_FULL[6:]}\n"my, own", "the ""first""\nlayer" ,{_ROW[11:]}\n  # the end\n'
    assert specs(read(write, text)) == {'my, own:the "first" layer': _SPEC}


def test_comments_begin_with_a_hash_in_the_first_column(write: Write) -> None:
    text = "#layers,of,mine\nlayer,C,H,W,F,KH,KW,note\n# a,6,9,10,4,3,2,\nb,6,9,10,4,3,2,#1\n"
    assert specs(read(write, text)) == {"a:b": "n1c6h9w10_f4kh3kw2"}


def test_what_may_be_zero(write: Write) -> None:
    """Images, and padding of each side: here all, then all but one."""
    text = "C,H,W,F,KH,KW,N,PT,PB,PL,PR\n6,9,10,4,3,2,0,0,0,0,0\n6,9,10,4,3,2,5,1,2,3,4\n"
    assert [str(layer.spec) for layer in read(write, text).layers] == [
        "n0c6h9w10_f4kh3kw2",
        "n5c6h9w10_f4kh3kw2_pt1pb2pl3pr4",
    ]


def test_missing_columns_have_their_defaults(write: Write) -> None:
    assert specs(read(write, "KW,KH,W,H,F,C\n2,3,9,10,4,6\n")) == {"a:n1c6h10w9_f4kh3kw2": "n1c6h10w9_f4kh3kw2"}


def test_empty_values_have_their_defaults(write: Write) -> None:
    text = f"{_FULL}\n,,,6,9,10,4,3,2,,,,,,,\n,only,,6,9,10,4,3,2,2,,,1,,3,2\n"
    assert list(specs(read(write, text)).items()) == [
        ("a:n1c6h9w10_f4kh3kw2", "n1c6h9w10_f4kh3kw2"),
        ("a:only", "n1c6h9w10_f4kh3kw2_sh2sw1_pt0pb0pl1pr1_dh1dw3_g2"),
    ]


def test_layers_of_one_name_are_all_kept(write: Write) -> None:
    rows = ["a,c,1,6,9,10", "a,c,2,6,9,10", "b,c,3,6,9,10", "a,c#2,4,6,9,10", "a,c,5,6,9,10", "a,c,1,6,9,10"]
    text = "suite,layer,N,C,H,W,F,KH,KW\n" + "".join(f"{row},4,3,2\n" for row in rows)
    found = {name: spec.partition("c")[0] for name, spec in specs(read(write, text)).items()}
    assert found == {"a:c": "n1", "a:c#3": "n2", "b:c": "n3", "a:c#2": "n4", "a:c#4": "n5", "a:c#5": "n1"}


@pytest.mark.parametrize(
    ("header", "row", "name", "spec"),
    [
        # of microbatching cuDNN (uCUDNN)
        ("source,W,H,C_in,N,C_out,kernel_w,kernel_h,pad_w,pad_h,stride_w,stride_h", "conv1,14,13,3,256,64,5,11,2,3,4,1",
         "a:conv1", "n256c3h13w14_f64kh11kw5_sh1sw4_pt3pb3pl2pr2"),
        # of DeepBench
        ("w,h,c,n,k,filter_w,filter_h,pad_w,pad_h,wstride,hstride", "70,16,1,4,32,20,5,1,0,2,3",
         "", "n4c1h16w70_f32kh5kw20_sh3sw2_pt0pb0pl1pr1"),
        # of cuDNN and CUTLASS
        ("N,H,W,C,K,R,S,P,Q", "2,9,8,3,6,4,2,6,7", "", "n2c3h9w8_f6kh4kw2"),
        # of SCALE-Sim, with its comma at the end
        ("Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,",
         "Conv1, 9, 8, 3, 2, 4, 6, 2,", "a:Conv1", "n1c4h9w8_f6kh3kw2_sh2sw2"),
        # of torch
        ("model,name,batch_size,in_channels,out_channels,kernel_size,stride,padding,dilation,groups,in_h,in_w",
         'net,l1,5,4,6,"(3, 2)","(2, 1)","(1, 0)","[1, 2]",2,9,8',
         "net:l1", "n5c4h9w8_f6kh3kw2_sh2sw1_pt1pb1pl0pr0_dh1dw2_g2"),
        # of Keras
        ("layer,input_height,input_width,inputChannels,filters,kernel-size,strides,padding", "b,9,8,4,6,3x2,2,SAME",
         "a:b", "n1c4h9w8_f6kh3kw2_sh2sw2_pt1pb1pl0pr0"),
        ("layer,input_height,input_width,inputChannels,filters,kernel-size,strides,padding", "b,9,8,4,6,3x2,2,valid",
         "a:b", "n1c4h9w8_f6kh3kw2_sh2sw2"),
        # letters by their company
        ("N,C,H,W,C_out,K,S,P", "2,3,9,8,6,4,2,1", "", "n2c3h9w8_f6kh4kw4_sh2sw2_pt1pb1pl1pr1"),
        ("N,C,H,W,K,KH,KW,S,P", "2,3,9,8,6,4,3,2,1", "", "n2c3h9w8_f6kh4kw3_sh2sw2_pt1pb1pl1pr1"),
        ("C,HW,F,kernel,stride_y,stride_x,pad_top,pad_bottom,pad_left,pad_right", "3,9*8,6,4,2,1,0,1,2,3",
         "", "n1c3h9w8_f6kh4kw4_sh2sw1_pt0pb1pl2pr3"),
        ("ic,oc,ih,iw,oh,ow,kh,kw,mb,g", "4,6,9,8,7,7,3,2,0,2", "", "n0c4h9w8_f6kh3kw2_g2"),
    ],
    ids="ucudnn deepbench cudnn scalesim torch same valid k_kernel k_filters pads benchdnn".split(),  # noqa: SIM905
)  # fmt: skip
def test_other_peoples_columns(write: Write, header: str, row: str, name: str, spec: str) -> None:
    found = read(write, f"{header}\n{row}\n")
    assert (specs(found), found.why()) == ({name or f"a:{spec}": spec}, "")


def test_transposed_layers_are_the_way_back(write: Write) -> None:
    text = "C,H,W,F,KH,KW,SH,SW,PH,PW,OPH,OPW,OH,OW\n6,4,5,3,4,3,2,1,1,0,0,0,8,7\n6,4,5,3,4,3,2,1,1,0,,,2,3\n"
    found = read(write, text)
    assert [str(layer.spec) for layer in found.layers] == [
        "n1c3h8w7_f6kh4kw3_sh2sw1_pt1pb1pl0pr0",
        "n1c6h4w5_f3kh4kw3_sh2sw1_pt1pb1pl0pr0",
    ]


def test_an_output_in_part_is_not_compared(write: Write) -> None:
    text = "C,H,W,F,KH,KW,OH,OW\n6,9,10,4,3,2,1,\n6,9,10,4,3,2,,1\n"
    assert {str(layer.spec) for layer in read(write, text).layers} == {"n1c6h9w10_f4kh3kw2"}


def test_padding_of_one_side_alone(write: Write) -> None:
    text = "C,H,W,F,KH,KW,PT,PB,PL,PR\n6,9,10,4,3,2,,,5,\n"
    assert [str(layer.spec) for layer in read(write, text).layers] == ["n1c6h9w10_f4kh3kw2_pt0pb0pl5pr0"]


def test_columns_that_mean_nothing_are_named(write: Write) -> None:
    found = read(write, "note,C,H,W,F,KH,KW,gflop,time (ms)\nslow,6,9,10,4,3,2,0.1,8\n")
    assert list(specs(found).values()) == ["n1c6h9w10_f4kh3kw2"]
    assert found.why() == "line 1: 'note', 'time (ms)', which no layer is made of"


def test_names_are_fit_for_a_table(write: Write) -> None:
    found = read(write, f"layer,C,H,W,F,KH,KW\n\x1b[31mred\u202e,6,9,10,4,3,2\n{'x' * 300},6,9,10,4,3,2\n")
    assert [layer.name for layer in found.layers] == ["a:?[31mred?", "a:" + "x" * 200]


_SHORT = "C,H,W,F,KH,KW"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # the header
        ("C,H,W\n", "a.csv', line 1: the header lacks the columns F, KH, KW"),
        ("C,H,W,KH,KW,fliters\n", "line 1: column 'fliters' is unknown, did you mean 'filters'?"),
        ("C,H,W,KH,KW,what,ever\n", "the header lacks the columns F; columns that mean nothing here: what, ever"),
        (f"{_SHORT},strid_h\n", "column 'strid_h' is unknown, did you mean 'strideh'?"),
        (f"{_SHORT},stride_h\n", "the header has 'stride_h', so it must have SW too"),
        (f"{_SHORT},PT,PL\n", "the header has 'PT', so it must have PB, PR too"),
        (f"{_SHORT},OPH,OPW\n", "column 'OPH' makes layers transposed, so the header must have OH, OW too"),
        (f"{_SHORT},pad,PT,PB,PL,PR\n", "columns 'pad' and 'PT' both give padding"),
        (f"{_SHORT},height\n", "columns 'H' and 'height' both give H"),
        (f"{_SHORT},kernel_size\n", "columns 'KH' and 'kernel_size' both give KH"),
        (f"{_SHORT},N,n\n", "columns 'N' and 'n' both give N"),
        ("N,C,H,W,F,K,S,P\n", "column 'K' may mean the filters or the kernel; call it F, or KH and KW"),
        ("N,C,H,W,K\n", "column 'K' may mean the filters or the kernel"),
        (f"{_SHORT},d\n", "column 'd' may mean the dilation or a depth; call it by one of N, C, H, W, F"),
        (f"{_SHORT},R\n", "column 'R' may mean the kernel's height or width"),
        (f"{_SHORT},kernel_d\n", "column 'kernel_d' is of a third dimension"),
        ("mb,ic,oc,ih,iw,kh,kw,dh,dw\n", "benchdnn, whose names these are, counts 'dh' from 0"),
        # the rows
        (f"{_SHORT}\n6,9,10,4,3,2\n6,9,10\n", "a.csv', line 3 has 3 values, where its header names 6 columns"),
        (f"{_SHORT}\n6,9,10,4,3,2,1\n", "line 2 has 7 values, where its header names 6 columns"),
        (f"{_SHORT}\n\n#\n6,9,x,4,3,2\n", "line 4, column 'W': must be a whole number in the digits 0 to 9, got 'x'"),
        (f"{_SHORT}\n6,9,١٢,4,3,2\n", "line 2, column 'W': must be a whole number in the digits 0 to 9, got '١٢'"),
        (f"{_SHORT}\n6,9,1e3,4,3,2\n", "column 'W': must be a whole number in the digits 0 to 9, got '1e3'"),
        (f"{_SHORT}\n6,9,1_0,4,3,2\n", "got '1_0'"),
        (f"{_SHORT}\n6,9,10.5,4,3,2\n", "got '10.5'"),
        (f"{_SHORT}\n6,9,3.000,4,3,2\n", "got '3.000'"),
        (f"{_SHORT}\n6,9,,4,3,2\n", "column 'W': must be a whole number in the digits 0 to 9, got ''"),
        (f"{_SHORT}\n6,9,-1,4,3,2\n", "column 'W': must be at least 1, got -1"),
        (f"{_SHORT}\n6,0,9,4,3,2\n", "column 'H': must be at least 1, got 0"),
        (f"{_SHORT},PH,PW\n6,9,10,4,3,2,0,-1\n", "column 'PW': must be at least 0, got -1"),
        (f"{_SHORT},G\n6,9,10,4,3,2,4\n", "line 2: in_channels must be divisible by groups: 6 % 4"),
        (f"{_SHORT}\n6,9,10,4,3,20\n", "line 2: the dilated kernel must fit the padded input: width 20 > 10"),
        (f"{_SHORT}\n{'9' * 19},9,10,4,3,2\n", "line 2: in_channels must be below 2^63"),
        (f"{_SHORT}\n{'9' * 40},9,10,4,3,2\n", "column 'C': must be a whole number"),
        (f"{_SHORT},OH,OW\n6,9,10,4,3,2,7,8\n", "line 2: the geometry gives (7, 9) positions, the row states (7, 8)"),
        (f"{_SHORT},OPH,OPW,OH,OW\n6,9,10,4,3,2,0,0,,\n", "line 2: a transposed layer must state its output"),
        ("C,H,W,F,kernel\n6,9,10,4,3x2x1\n", "column 'kernel': must be one number or two, got '3x2x1'"),
        ("C,H,W,F,kernel,padding\n6,9,10,4,3,full\n", "column 'padding': must be a whole number"),
        ("C,H,W,F,kernel,stride\n6,9,10,4,3,same\n", "column 'stride': must be a whole number"),
        (f'{_SHORT}\n6,9,"10,4,3,2\n', "a.csv', line 2 has 3 values"),
        (f"{_SHORT}\n6,9,{'1' * 140_000},4,3,2\n", "a.csv', line 2: field larger than field limit"),
        (f"{_SHORT}\n", "a.csv' holds no layer"),
        (f"{_SHORT},note\n", "a.csv' holds no layer; left out: line 1: 'note', which no layer is made of"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(write: Write, text: str, message: str) -> None:
    with pytest.raises(ShapesError) as caught:
        read(write, text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("column", ["b", "depth", "size", "filter", "kernels", "input", "output"])
def test_columns_of_two_meanings_are_refused(write: Write, column: str) -> None:
    with pytest.raises(ShapesError, match=f"column '{column}' may mean .* or "):
        read(write, f"{_SHORT},{column}\n6,9,10,4,3,2,1\n")


# -- a column of whole geometries --------------------------------------------------------------------------------------


def test_a_column_of_specs_or_descriptors(write: Write) -> None:
    """As benchdnn's and our own results have it; the columns beside it are not asked."""
    found = read(write, 'prb\ttime\nic3oc4ih7kh3ph1n"conv1"\t0.5\nic1oc1id3kd3\t0.1\nn1c1h3w3_f1kh2kw2\t\n')
    assert specs(found) == {"conv1": "n2c3h7w7_f4kh3kw3_pt1pb1pl1pr1", "n1c1h3w3_f1kh2kw2": "n1c1h3w3_f1kh2kw2"}
    assert found.why() == "line 3: 3-D"
    found = read(write, f"op,layer,spec,seconds\nconv2d,net:a,{_SPEC},0.5\nconv2d,,{_SPEC},0.5\n")
    assert [layer.name for layer in found.layers] == ["net:a", _SPEC]
    found = read(write, f"model;name;Descriptor\nnet;a;{_SPEC}\n")
    assert [layer.name for layer in found.layers] == ["net:a"]


def test_beside_columns_of_sizes_a_spec_is_none(write: Write) -> None:
    assert specs(read(write, "spec,C,H,W,F,KH,KW\nwhatever,6,9,10,4,3,2\n")) == {
        "a:n1c6h9w10_f4kh3kw2": "n1c6h9w10_f4kh3kw2"
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layer,spec\na,n1c1\n", "a.csv', line 2, column 'spec': spec 'n1c1' is not of the form"),
        (f"layer,spec\na,{_SPEC}\nb\n", "a.csv', line 3 has 1 values, and no 'spec'"),
        ("layer,spec\n", "a.csv' holds no layer"),
        ("layer,spec\na,ic1oc1id3kd3\n", "a.csv' holds no layer; left out: line 2: 3-D"),
    ],
)
def test_what_is_wrong_in_a_column_of_specs_is_named(write: Write, text: str, message: str) -> None:
    with pytest.raises(ShapesError) as caught:
        read(write, text)
    assert message in str(caught.value)
