// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Capture;
using Capbox.Platform.Nic;

namespace Capbox.Timing;

/// <summary>
/// Finds the PHC that stamps the packets of each recorded port. Ports of other namespaces are not found and have no bound.
/// </summary>
/// <param name="places">Current ports of the recorder, by index.</param>
internal sealed class StampingPorts(Func<IReadOnlyList<PortOptions>> places)
{
    private readonly int[] _phcs = Enumerable.Repeat(-1, RecordingPlan.MaxPorts).ToArray();
    private IReadOnlyList<PortOptions> _found = []; // the ports at the last search

    public int Count => _phcs.Length;

    /// <summary>
    /// N of the /dev/ptpN that stamps a port's packets; -1 if unknown, or if the index has another port since the last search.
    /// </summary>
    public int this[int port]
    {
        get
        {
            IReadOnlyList<PortOptions> now = places();
            return port < _found.Count && port < now.Count && now[port].Name == _found[port].Name ? _phcs[port] : -1;
        }
    }

    /// <summary>Searches again: interfaces come and go.</summary>
    /// <returns>N of the PHCs that stamp every packet of a recorded port, with the driver.</returns>
    public SortedDictionary<int, string?> Find()
    {
        IReadOnlyList<ClockPort> all = ClockPort.List();
        IReadOnlyList<PortOptions> ports = places();
        Array.Fill(_phcs, -1);
        _found = ports;
        SortedDictionary<int, string?> stamping = [];
        for (int i = 0; i < ports.Count; i++)
        {
            ClockPort? port = ports[i].Netns is null ? all.FirstOrDefault(p => p.Name == ports[i].Interface) : null;
            _phcs[i] = port?.Clock ?? -1;
            if (port is { Clock: { } phc, PacketStamps: StampKind.Hardware })
                stamping[phc] = port.Driver;
        }

        return stamping;
    }
}
