function [rows, cols] = read_by_taps(g)
% What taps read of the padded image: rows (KH x OH), of which row u is that of tap (u, .), and columns (KW x OW).
% A window starts a whole stride after the one before it: nothing is rounded.
  rows = 1 + (0:g.KH - 1)' * g.DH + (0:g.OH - 1) * g.SH;
  cols = 1 + (0:g.KW - 1)' * g.DW + (0:g.OW - 1) * g.SW;
end
