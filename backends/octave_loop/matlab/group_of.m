function [taps, filters] = group_of(group, g)
% The columns of im2col_image, and the filters, of one group of channels.
  k = g.KH * g.KW * g.C / g.G;
  f = g.F / g.G;
  taps = (group - 1) * k + (1:k);
  filters = (group - 1) * f + (1:f);
end
