"""Motion between two pictures, without networks: grids, splatting, search, flat segments, light."""
