"""What each licence says at each place that its template cites, as it was read in the text."""

APACHE = {
    "section 2": "reproduce, prepare Derivative Works of, publicly display, publicly perform, sublicense",
    "sections 2 and 4": "in any medium, with or without modifications",
    "section 4(a)": "give any other recipients of the Work or Derivative Works a copy of this License",
    "section 4(b)": "cause any modified files to carry prominent notices stating that You changed the files",
    "section 4(c)": "retain, in the Source form",
    "section 4(d)": "NOTICE",
}
BSD = {
    "opening sentence (permission)": "Redistribution and use in source and binary forms, with or without",
    "conditions 1 and 2": "above copyright notice, this list of conditions and the following disclaimer",
}
NO_ENDORSEMENT = {"condition 3": "used to endorse or promote products derived from"}
GPL_2 = {
    "section 0": "The act of running the Program is not restricted",
    "sections 0 and 1": "You may charge a fee for the physical act of transferring a copy",
    "section 1": "give any other recipients of the Program a copy of this License along with the Program",
    "section 2": "modify your copy or copies of the Program or any portion of it",
    "sections 1, 2 and 3": "distribute the Program (or a work based on it, under Section 2) in object code",
    "section 2(a)": "carry prominent notices stating that you changed the files and the date of any change",
    "section 2(b)": "to be licensed as a whole at no charge to all third parties under the terms of this",
    "section 3": "Accompany it with the complete corresponding machine-readable source code",
    "section 4": "You may not copy, modify, sublicense, or distribute the Program except as expressly",
    "section 6": "You may not impose any further restrictions on the recipients' exercise of the rights",
}
LGPL_2 = {
    "section 0": "The act of running a program using the Library is not restricted",
    "sections 0 and 1": "You may charge a fee for the physical act of transferring a copy",
    "section 1": "keep intact all the notices that refer to this License",
    "section 2": "modify your copy or copies of the Library or any portion of it",
    "sections 1, 2, 4 and 6": 'combine or link a "work that uses the Library" with the Library',
    "section 2(b)": "carry prominent notices stating that you changed the files and the date of any change",
    "section 2(c)": "the whole of the work to be licensed at no charge to all third parties under the terms",
    "section 4": "accompany it with the complete corresponding machine-readable source code",
    "section 6": "modification of the work for the customer's own use and reverse engineering for debugging",
    "section 8": "You may not copy, modify, sublicense, link with, or distribute the Library except as",
    "section 10": "You may not impose any further restrictions on the recipients' exercise of the rights",
}
GPL_3 = {
    "section 2": "Sublicensing is not allowed; section 10 makes it unnecessary",
    "sections 2 and 5": "You may convey a work based on the Program, or the modifications to produce it",
    "sections 4, 5 and 6": "You may convey a covered work in object code form",
    "section 4": "You may charge any price or no price for each copy that you convey",
    "section 5(a)": "carry prominent notices stating that you modified it, and giving a relevant date",
    "section 5(c)": "license the entire work, as a whole, under this License to anyone who comes into",
    "section 6": "machine-readable Corresponding Source",
    "section 10": "You may not impose any further restrictions on the exercise of the rights granted",
}
AGPL_3 = GPL_3 | {
    "section 13": "all users interacting with it remotely through a computer network",
    "sections 5(c) and 13": "opportunity to receive the Corresponding Source of your version",
}
LGPL_3 = {
    "opening sentence": "incorporates the terms and conditions of version 3",
    "section 2": "under the GNU GPL, with none of the additional permissions of this License",
    "sections 2, 3 and 4": "You may convey a Combined Work under terms of your choice",
    "section 4": "recombine or relink the Application with a modified version of the Linked Version",
}
CC = {
    "section 2(a)(1)": "non-sublicensable",
    "section 2(a)(1)(A)": "reproduce and Share the Licensed Material, in whole or in part",
    "section 2(a)(1)(B)": "produce, reproduce, and Share Adapted Material",
    "section 3(a)(1)(A)": "identification of the creator(s) of the Licensed Material",
    "section 3(a)(1)(B)": "indicate if You modified the Licensed Material and retain an indication",
    "section 3(a)(1)(C)": "indicate the Licensed Material is licensed under this Public License",
}
PLAIN = {"section 2(a)(5)(B)": "You may not offer or impose any additional or different terms"}
ALIKE = {
    "section 2(a)(5)(C)": "You may not offer or impose any additional or different terms",
    "section 3(b)(1)": "must be a Creative Commons license with the same License Elements",
}
PRIVATE = {
    "section 2(a)(1)(B)": "produce and reproduce, but not Share, Adapted Material",
    "sections 2(a)(1)(B) and 3(a)(1)": "not Share, Adapted Material",
}


def paid(paragraph: str) -> dict[str, str]:
    return {
        f"sections 1({paragraph}) and 2(a)(1)": "not primarily intended for or directed towards commercial"
    }


CDLA_1 = {
    "section 2.1(a)": "Use Data",
    "sections 2.1(b) and 3.1": "Publish Data",
    "section 3.1(b)": "carry prominent notices that You have changed those files",
    "section 3.1(c)": "preserve all credit or attribution to the Data Provider(s)",
}
ODC = {
    "section 3.1": "worldwide, royalty-free, non-exclusive",
    "section 3.1(b)": "Creation of Derivative Databases",
    "section 3.1(b) and (c)": "Creation of Collective Databases",
    "sections 3.1(e) and 4.2": "Distribution, communication, display, lending, making available",
    "section 4.2(b)": "Include a copy of this License",
    "section 4.2(c)": "Keep intact any copyright or Database Right notices",
    "section 4.3": "Produced Work",
}
SAID: dict[str, dict[str, str]] = {
    "MIT": {
        "first paragraph (permission)": "use, copy, modify, merge, publish, distribute, sublicense, and/or",
        "second paragraph (notice)": "above copyright notice and this permission notice shall be included in",
    },
    "Apache-2.0": APACHE,
    "ECL-2.0": APACHE,
    "BSD-2-Clause": BSD,
    "BSD-3-Clause": BSD | NO_ENDORSEMENT,
    "BSD-3-Clause-Clear": BSD | NO_ENDORSEMENT,
    "0BSD": {"only paragraph (permission)": "for any purpose with or without fee is hereby granted"},
    "ISC": {"permission paragraph": "copyright notice and this permission notice appear in all copies"},
    "PostgreSQL": {"permission paragraph": "this paragraph and the following two paragraphs appear in all"},
    "Zlib": {
        "second paragraph (permission)": "including commercial applications, and to alter it and",
        "restriction 1": "you must not claim that you wrote the original software",
        "restriction 2": "Altered source versions must be plainly marked as such",
        "restriction 3": "This notice may not be removed or altered from any source distribution",
    },
    "BSL-1.0": {
        "first paragraph (permission)": "use, reproduce, display, distribute, execute, and transmit",
        "second paragraph": "must be included in all copies of the Software",
    },
    "WTFPL": {"section 0": "You just DO WHAT THE FUCK YOU WANT TO"},
    "NCSA": {
        "permission paragraph": "use, copy, modify, merge, publish, distribute, sublicense, and/or",
        "conditions 1 and 2": "above copyright notice, this list of conditions and the following disclaimers",
        **NO_ENDORSEMENT,
    },
    "CC0-1.0": {
        "sections 2 and 3": "waives, abandons, and surrenders all of Affirmer's Copyright and Related"
    },
    "Unlicense": {
        "second paragraph (permission)": "copy, modify, publish, use, compile, sell, or distribute"
    },
    "PDDL-1.0": {"section 3": "Dedication of Copyright and Database Rights to the public domain"},
    "GPL-2.0-only": GPL_2,
    "GPL-2.0-or-later": GPL_2,
    "GPL-3.0-only": GPL_3,
    "GPL-3.0-or-later": GPL_3,
    "AGPL-3.0-only": AGPL_3,
    "AGPL-3.0-or-later": AGPL_3,
    "LGPL-2.1-only": LGPL_2,
    "LGPL-2.1-or-later": LGPL_2,
    "LGPL-3.0-only": LGPL_3,
    "LGPL-3.0-or-later": LGPL_3,
    "MPL-2.0": {
        "section 2.1": "world-wide, royalty-free, non-exclusive license",
        "sections 2.1, 3.1 and 3.2": "All distribution of Covered Software in Source Code Form",
        "sections 2.1 and 3.2": "at a charge no more than the cost of distribution to the recipient",
        "sections 2.1 and 3.3": "You may create and distribute a Larger Work under terms of Your choice",
        "section 3.1": "inform recipients that the Source Code Form of the Covered Software is governed by",
        "section 3.2(a)": "must also be made available in Source Code Form",
        "section 3.2(b)": "sublicense it under different terms",
        "section 3.4": "You may not remove or alter the substance of any license notices",
        "sections 3.1 and 3.3": "must be under the terms of this License",
    },
    "EPL-2.0": {
        "section 2(a)": "publicly perform, Distribute and sublicense the Contribution",
        "sections 2(a) and 3": "When the Program is Distributed as Source Code",
        "sections 2(a) and 4": "Commercial distributors of software may accept certain responsibilities",
        "section 3.1(a)": "the Program must also be made available as Source Code",
        "section 3.2(a)": "it must be made available under this Agreement",
        "section 3.2(b)": "a copy of this Agreement must be included with each copy of the Program",
        "section 3.3": "may not remove or alter any copyright, patent, trademark, attribution notices",
        "section 4": "agrees to defend and indemnify every other Contributor",
    },
    "MS-PL": {
        "section 2(A)": "reproduce its contribution, prepare derivative works of its contribution, and",
        "sections 2(A) and 3": "If you distribute any portion of the software",
        "section 2": "make, have made, use, sell, offer for sale",
        "section 3(C)": "retain all copyright, patent, trademark, and attribution notices",
        "section 3(D)": "only under this license by including a complete copy of this license",
    },
    "CC-BY-4.0": CC | PLAIN,
    "CC-BY-SA-4.0": CC | ALIKE,
    "CC-BY-NC-4.0": CC | PLAIN | paid("i"),
    "CC-BY-ND-4.0": CC | PLAIN | PRIVATE,
    "CC-BY-NC-SA-4.0": CC | ALIKE | paid("k"),
    "CC-BY-NC-ND-4.0": CC | PLAIN | PRIVATE | paid("h"),
    "CDLA-Permissive-2.0": {
        "section 1.1": "may use, modify, and share the Data",
        "sections 1.1 and 2.1": "with or without modifications",
        "section 2.1": "makes available the text of this agreement with the shared Data",
        "section 3.1": "does not impose any restriction or obligations with respect to the use, modification",
    },
    "CDLA-Permissive-1.0": CDLA_1
    | {
        "section 3.1(a)": "under a license of Your choice provided that You give anyone who Receives",
        "section 3.4": "imposes no obligations or restrictions on Your Use or Publication of Results",
    },
    "CDLA-Sharing-1.0": CDLA_1
    | {
        "section 3.1(a)": "must be Published under this Agreement",
        "section 3.3": "under an unmodified form of this Agreement and include the text of this Agreement",
        "sections 3.2 and 3.3": "impose any further restrictions on the exercise of the rights granted",
        "section 3.5": "imposes no obligations or restrictions on Your Use or Publication of Results",
    },
    "C-UDA-1.0": {
        "section 1.1": "use, modify, and distribute the Data",
        "sections 1.1 and 3.1": "You may redistribute the Data, so long as",
        "section 2.1": "solely for Computational Use",
        "section 2.2": "does not impose any restriction with respect to the use, modification",
        "section 3.1.1": "all credit or attribution information that you received with the Data",
        "section 3.1.2": "bind each recipient to whom you redistribute the Data to the terms",
    },
    "ODC-By-1.0": ODC
    | {
        "section 4.2(a)": "Do so only under the terms of this License",
        "section 4.4": "You may not sublicense the Database",
    },
    "ODbL-1.0": ODC
    | {
        "sections 4.4 and 4.5": "Share alike",
        "section 4.4(a)": "Any Derivative Database that You Publicly Use must be only under the terms of",
        "section 4.6": "offer to recipients of the Derivative Database",
        "section 4.8": "You may not sublicense the Database",
    },
    "etalab-2.0": {
        "paragraph on the freedom to reuse": "est libre de réutiliser l’« Information »",
        "paragraph on acknowledgement of authorship": "mentionner la paternité de l’« Information »",
    },
    "OpenMDW-1.0": {
        "third paragraph (permission)": "to deal in the Model Materials without restriction",
        "third and sixth paragraphs": "any use, modification, or sharing of any outputs generated by using",
        "fourth paragraph": "a copy of this agreement, and (2) all copyright notices",
    },
}
