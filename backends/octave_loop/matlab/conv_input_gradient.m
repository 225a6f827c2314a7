function dx = conv_input_gradient(dout, weights, g)
% (OH, OW, F, N), (KH, KW, C/G, F) -> (H, W, C, N): dout (L x F) * filter_col' (F x K), folded back.
% dout has the size of the output, and weights are flattened as in the forward pass.
  filter_col = reshape(weights, g.KH * g.KW * g.C / g.G, g.F);
  dx = zeros(g.H, g.W, g.C, g.N, class(dout));
  columns = zeros(g.OH * g.OW, g.KH * g.KW * g.C, class(dout));
  for n = 1:g.N
    for group = 1:g.G
      [taps, filters] = group_of(group, g);
      dout_n = reshape(dout(:, :, filters, n), g.OH * g.OW, g.F / g.G);
      columns(:, taps) = dout_n * filter_col(:, filters)';
    end
    dx(:, :, :, n) = col2im_image(columns, g);
  end
end
