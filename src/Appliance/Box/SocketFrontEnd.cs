// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.LocalSocket;
using Microsoft.Extensions.Logging;

namespace Capbox.Box;

/// <summary>
/// The control sockets: one beside the archive and, for a box that keeps its configuration, one beside its documents, which stays where it is when the archive moves.
/// They open once the recorder has the archive and close before it stops.
/// </summary>
internal sealed class SocketFrontEnd(IBox box, IReadOnlyList<string> directories, ILogger logger) : IFrontEnd
{
    private readonly List<ControlServer> _servers = [];

    public void Start()
    {
        foreach (string directory in directories)
        {
            try
            {
                _servers.Add(new ControlServer(directory, box.Commands, logger));
            }
            catch (IOException e)
            {
                logger.LogError("control: {Reason}; recording goes on without a control socket", e.Message);
            }
        }
    }

    /// <summary>The directories of a box that runs do not change.</summary>
    public void Change(BoxOptions next)
    {
    }

    public void Stop() => _servers.ForEach(s => s.Dispose());
}
