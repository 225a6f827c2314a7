function dw = conv_weight_gradient(dout, input, g)
% (OH, OW, F, N), (H, W, C, N) -> (KH, KW, C/G, F): im_col' (K x L) * dout (L x F), added up over the images.
  dw = zeros(g.KH * g.KW * g.C / g.G, g.F, class(dout));
  for n = 1:g.N
    im_col = im2col_image(input(:, :, :, n), g);
    for group = 1:g.G
      [taps, filters] = group_of(group, g);
      dout_n = reshape(dout(:, :, filters, n), g.OH * g.OW, g.F / g.G);
      dw(:, filters) = dw(:, filters) + im_col(:, taps)' * dout_n;
    end
  end
  dw = reshape(dw, g.KH, g.KW, g.C / g.G, g.F);
end
